/** One picture of a run: a bar for each measurement with its spread, in groups of one unit, on a logarithmic scale. */
import { number } from "../report.ts";
import type { Findings, Measurement } from "../results.ts";

const [left, right, line, top] = [470, 900, 16, 34];

/** An SVG that stands alone. */
export function plot(findings: readonly Findings[]): string {
  const groups = findings.flatMap(({ title, measurements }) =>
    [...Map.groupBy(measurements, ({ unit }) => unit)].map(([unit, rows]) => ({
      title: `${title} (${unit})`,
      rows: rows.filter(({ value }) => value.least > 0 && Number.isFinite(value.most)),
    })),
  );
  let y = 0;
  const parts = groups
    .filter(({ rows }) => rows.length > 0)
    .map(({ title, rows }) => {
      const drawn = group(title, rows, y);
      y += top + rows.length * line + 24;
      return drawn;
    });
  const size = `width="${right + 110}" height="${y}" viewBox="0 0 ${right + 110} ${y}"`;
  const style = "text{font:11px sans-serif;fill:#222}.h{font-weight:bold;font-size:13px}.e{text-anchor:end}";
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size}><title>Measurements of one run</title><style>${style}</style><rect width="100%" height="100%" fill="#fff"/>${parts.join("")}</svg>\n`;
}

function group(title: string, rows: readonly Measurement[], y: number): string {
  const low = 10 ** Math.floor(Math.log10(Math.min(...rows.map(({ value }) => value.least))));
  const high = 10 ** Math.ceil(Math.log10(Math.max(...rows.map(({ value }) => value.most * 1.01))));
  const x = (value: number) =>
    left + ((right - left) * Math.log(value / low)) / Math.log(Math.max(high, low * 10) / low);
  const bottom = y + top + rows.length * line;
  let grid = "";
  for (let power = low; power <= high * 1.01; power *= 10) {
    grid += `<path d="M${x(power).toFixed(1)} ${y + top - 4}V${bottom}" stroke="#ddd"/>`;
    grid += `<text x="${x(power).toFixed(1)}" y="${bottom + 12}" text-anchor="middle">${power.toLocaleString("en")}</text>`;
  }
  const bars = rows.map(({ what, value: { median, least, most } }, at) => {
    const middle = y + top + at * line + line / 2;
    const colour = what.includes("Vidimus") ? "#2a6f97" : "#a9b4bc";
    const width = Math.max(1, x(median) - left).toFixed(1);
    return [
      `<text class="e" x="${left - 6}" y="${middle + 4}">${escaped(what)}</text>`,
      `<rect x="${left}" y="${middle - 5}" width="${width}" height="10" fill="${colour}"/>`,
      `<path d="M${x(least).toFixed(1)} ${middle}H${x(most).toFixed(1)}" stroke="#222"/>`,
      `<text x="${(x(most) + 5).toFixed(1)}" y="${middle + 4}">${number(median)}</text>`,
    ].join("");
  });
  return `<text class="h" x="8" y="${y + 20}">${escaped(title)}</text>${grid}${bars.join("")}`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
