"""What the demo prints: plain ASCII, 80 columns, any console. A line that moves, only on a terminal."""
import sys
import textwrap
import time

COLUMNS = 79
INDENT = 6
PLAIN_EVERY_S = 10  # without a terminal, a wait is told so often


class Console:
    def __init__(self):
        self.moving = sys.stdout.isatty()
        self.shown = 0  # characters of the progress line on the screen
        self.since = self.drawn = time.monotonic()  # when the wait began; when its line was last drawn

    def raw(self, text):
        """A line that is made for 80 columns already."""
        self.clear()
        print(text.encode("ascii", "replace").decode(), flush=True)

    def line(self, text="", indent=INDENT):
        for part in text.splitlines() or [""]:
            for row in textwrap.wrap(part, COLUMNS - indent) or [""]:
                self.raw((" " * indent + row).rstrip())

    def heading(self, text):
        self.line()
        self.line(text, indent=0)

    def waiting(self):
        """A wait begins: its seconds count from here."""
        self.since = self.drawn = time.monotonic()

    def progress(self, words):
        """One line about the wait, drawn over itself. words() is asked only when it is time for one."""
        now = time.monotonic()
        if now - self.drawn < (0.1 if self.moving else PLAIN_EVERY_S):
            return
        self.drawn = now
        text = f"{' ' * INDENT}{now - self.since:5.1f} s  {words()}"[:COLUMNS]
        if not self.moving:
            self.raw(text)
            return
        sys.stdout.write("\r" + text.ljust(self.shown))
        sys.stdout.flush()
        self.shown = len(text)

    def clear(self):
        if self.shown:
            sys.stdout.write("\r" + " " * self.shown + "\r")
            self.shown = 0
