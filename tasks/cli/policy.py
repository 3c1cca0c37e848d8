"""policy: which rule decided, and whether the rules say what they should."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from aiops import bootstrap, steps
from aiops.domain.remediation import Remediation
from aiops.rules import Case, load_cases, load_policy
from aiops.settings import load_settings
from tasks.cli.output import Json, dump, table

policy = typer.Typer(invoke_without_command=True, help="The policy: show it, ask why, try it with cases.")


def register(cli: typer.Typer) -> None:
    """Add the group."""
    cli.add_typer(policy, name="policy")


@policy.callback()
def shown(context: typer.Context, as_json: Json = False) -> None:
    """Show the rules in force, in the order in which they are asked."""
    if context.invoked_subcommand:
        return
    rules = bootstrap.policy(load_settings())
    if as_json:
        dump(rules)
        return
    rows = [
        (
            str(number),
            rule.decision,
            ", ".join(rule.playbooks) or "any",
            ", ".join(rule.roles) or "any",
            " ".join((*rule.kinds, *(severity.value for severity in rule.severities), rule.hours)).strip() or "any",
            rule.why,
        )
        for number, rule in enumerate(rules.rules, start=1)
    ]
    rows.append(("0", rules.default, "any", "any", "any", "where no rule matches"))
    table(("rule", "says", "playbooks", "roles", "kinds, severity, hours", "why"), rows, empty="no rules")
    if rules.quiet_hours:
        typer.echo(f"nobody is asked during {rules.quiet_hours} ({rules.timezone})")


@policy.command()
def why(
    what: Annotated[str, typer.Argument(help="An incident, or the fingerprint of a finding that is open.")],
    as_json: Json = False,
) -> None:
    """Explain what policy says now about each playbook that fits, and which rule says it."""
    incident, reasons = steps.why(what, bootstrap.incidents(load_settings()))
    if as_json:
        dump({"incident": incident.id, "because": [asdict(one) for one in reasons]})
        return
    typer.echo(f"{incident.id}  {incident.state.value}  {incident.title}")
    for one in reasons:
        typer.echo(f"{one.playbook} on {', '.join(one.hosts)}: {one.decision}, because {one.reason}")
        for answer in one.answers:
            typer.echo(f"  {answer}")
    if not reasons:
        typer.echo("no playbook of the catalogue fits, so policy has nothing to decide")


@policy.command("test")
def try_cases(
    file: Annotated[Path, typer.Argument(help="Cases in YAML, such as policy/homelab.cases.yml.")],
    rules: Annotated[str, typer.Option("--policy", help="A policy file instead of the one that the cases name.")] = "",
    as_json: Json = False,
) -> None:
    """Try the policy with cases; 1 when it says something else than they want."""
    settings = load_settings()
    named, cases = load_cases(file)
    tried = load_policy(rules or named) if rules or named else bootstrap.policy(settings)
    catalogue = bootstrap.catalogue(settings)
    results = []
    for case in cases:
        said, reason = case.answer(tried, catalogue.get(case.playbook) or _unknown(case))
        known = "" if case.playbook in catalogue else f"; {case.playbook} is not in the catalogue here"
        results.append({"name": case.name, "want": case.want, "said": said, "reason": f"{reason}{known}"})
    wrong = [result for result in results if result["want"] != result["said"]]
    if as_json:
        dump({"cases": results, "wrong": len(wrong)})
    else:
        rows = [
            ("WRONG" if result in wrong else "ok", result["said"], result["want"], result["name"], result["reason"])
            for result in results
        ]
        table(("", "says", "wanted", "case", "because"), rows, empty="no cases")
        typer.echo(f"{len(results) - len(wrong)} of {len(results)} cases as wanted")
    if wrong:
        raise typer.Exit(1)


def _unknown(case: Case) -> Remediation:
    """A playbook that is not here yet: only the rules speak about it."""
    return Remediation(
        id=case.playbook,
        title=case.playbook,
        description="not in the catalogue",
        risk="low",
        approval="auto",
        max_hosts=len(case.roles),
        verify=("none",),
        rollback="unknown",
        digest="",
    )
