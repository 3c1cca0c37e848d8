"""CT192 "openfang" looks: drains ``detect``, changes nothing, asks no LLM.

Threads, because it waits for hosts: its kept SSH connections are shared by all tasks of the process.
"""

from workers import serve

if __name__ == "__main__":
    serve("detect", pool="threads", concurrency=4)
