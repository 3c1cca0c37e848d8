"""CT190's voice: drains ``notify``. One message at a time, so that rate limits stay true."""

from workers import serve

if __name__ == "__main__":
    serve("notify", pool="solo")
