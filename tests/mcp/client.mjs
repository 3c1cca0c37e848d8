// The official TypeScript SDK as a client of ours: what the Inspector's command line cannot show, progress and cancellation.
// A line of JSON comes in: {sdk, sweeps} and {command, args, env} or {url, token}. A line goes out. Then a second line each.
import { createInterface } from "node:readline";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const given = JSON.parse((await lines.next()).value);
const { Client } = await import(`${given.sdk}/client/index.js`);
const { StdioClientTransport } = await import(`${given.sdk}/client/stdio.js`);
const { StreamableHTTPClientTransport } = await import(`${given.sdk}/client/streamableHttp.js`);
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
const timeout = 100_000;

const transport = given.url
  ? new StreamableHTTPClientTransport(new URL(given.url), { requestInit: { headers: { Authorization: `Bearer ${given.token}` } } })
  : new StdioClientTransport({ command: given.command, args: given.args, env: given.env, stderr: "ignore" });
const client = new Client({ name: "a client nobody here wrote", version: "1" });
await client.connect(transport, { timeout });
const call = (name, args, more) => client.callTool({ name, arguments: args }, undefined, { timeout, ...more });

const seen = { tools: (await client.listTools({}, { timeout })).tools.map((tool) => tool.name), progress: [] };
const swept = await call("sweep", { guardians: ["disk"] }, { onprogress: (told) => seen.progress.push(told) });
seen.shards = swept.structuredContent.data.shards;
const wrong = await call("explain", { incident: "inc-20261123-aaaaaa" });
seen.wrong = { isError: wrong.isError, text: wrong.content[0].text };
seen.unknown = await call("approve", {}).catch((error) => error.message);
say(seen);

await lines.next(); // from here on nobody looks: each sweep would wait for minutes
const cancelled = [];
for (let turn = 0; turn < given.sweeps; turn += 1) {
  const control = new AbortController();
  const more = { signal: control.signal, onprogress: () => control.abort("we have seen enough") };
  cancelled.push(await call("sweep", { guardians: ["disk"], seconds: 300 }, more).then(() => "answered", String));
}
say({ cancelled, after: (await call("metrics", { days: 7 })).structuredContent.data.days });
await client.close();
process.exit(0);
