"""Tables in Markdown, for a terminal and for README.md alike."""


def show(title, head, rows):
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]

    def line(cells):
        first, *rest = cells
        padded = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:]))]
        return f"| {' | '.join(padded)} |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    print("\n".join(["", f"### {title}", "", line(head), line(rule), *map(line, rows)]), flush=True)


def verdict(name, value, limit, unit=""):
    """Prints one bar; returns whether it holds."""
    holds = value <= limit
    print(f"\n{'ok    ' if holds else 'MISSED'}  {name}: {value:.2f}{unit}, the bar is {limit:g}{unit}", flush=True)
    return holds
