"""Draws what soak_bench sampled: memory and rate over time, as SVG.

    python3 tests/bench/soak_graph.py SAMPLES.tsv GRAPH.svg
"""

import csv
import sys

WIDTH, HEIGHT, LEFT, TOP = 900, 200, 70, 30


def polyline(points, colour):
    text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return (f'<polyline points="{text}" fill="none" stroke="{colour}" '
            'stroke-width="1.5"/>')


def panel(title, times, values, top, colour):
    """One curve in a frame, from zero to a little above its highest."""
    most = max(values) * 1.1 or 1
    end = times[-1] or 1
    points = [(LEFT + t / end * WIDTH, top + HEIGHT - v / most * HEIGHT)
              for t, v in zip(times, values)]
    frame = (f'<rect x="{LEFT}" y="{top}" width="{WIDTH}" height="{HEIGHT}" '
             'fill="none" stroke="#999"/>')
    words = [f'<text x="{LEFT}" y="{top - 8}">{title}</text>',
             f'<text x="5" y="{top + 12}">{most:.0f}</text>',
             f'<text x="5" y="{top + HEIGHT}">0</text>',
             f'<text x="{LEFT + WIDTH - 60}" y="{top + HEIGHT + 18}">'
             f'{end:.0f} s</text>']
    return [frame, polyline(points, colour), *words]


def main(samples, graph):
    with open(samples, newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    times = [float(row["seconds"]) for row in rows]
    done = [int(row["done"]) for row in rows]
    rates = [(done[i] - done[max(0, i - 10)]) /
             max(times[i] - times[max(0, i - 10)], 1e-9)
             for i in range(len(rows))]
    shapes = panel("heap and stacks of the broker, MiB", times,
                   [float(row["heap_mib"]) for row in rows], TOP, "#05c")
    shapes += panel("messages published, delivered and acknowledged, a second",
                    times, rates, TOP + HEIGHT + 60, "#b30")
    with open(graph, "w") as file:
        file.write(
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH + 100}" '
            f'height="{2 * HEIGHT + 130}" font-family="sans-serif" '
            'font-size="13">\n' + "\n".join(shapes) + "\n</svg>\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
