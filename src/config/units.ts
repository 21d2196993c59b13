/** Durations (`14d`, `12h`, `300s`) and sizes (`32MiB`, `512KiB`, `100B`) as people write them. Both need their unit. */

const durationUnits: ReadonlyMap<string, number> = new Map([
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

const sizeUnits: ReadonlyMap<string, number> = new Map([
  ["B", 1],
  ["KiB", 1_024],
  ["MiB", 1_048_576],
  ["GiB", 1_073_741_824],
]);

function parse(text: string, pattern: RegExp, units: ReadonlyMap<string, number>): number | undefined {
  const match = pattern.exec(text);
  const unit = units.get(match?.[2] ?? "");
  if (match === null || unit === undefined) return undefined;
  const value = Number(match[1]) * unit;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** The largest unit that divides the value, so that parsing the result gives the value back. */
function format(value: number, units: ReadonlyMap<string, number>): string {
  const fitting = [...units].filter(([, size]) => value % size === 0);
  const [unit, size] = value === 0 ? (fitting[0] ?? ["", 1]) : (fitting.at(-1) ?? ["", 1]);
  return `${value / size}${unit}`;
}

/** Milliseconds, or undefined if the text is not a whole number with one of the units s, m, h, d. */
export function parseDuration(text: string): number | undefined {
  return parse(text, /^([0-9]{1,9})([smhd])$/, durationUnits);
}

/** `milliseconds` must be a whole number of seconds. */
export function formatDuration(milliseconds: number): string {
  return format(milliseconds, durationUnits);
}

/** Bytes, or undefined if the text is not a whole number with one of the units B, KiB, MiB, GiB. */
export function parseSize(text: string): number | undefined {
  return parse(text, /^([0-9]{1,15})(B|KiB|MiB|GiB)$/, sizeUnits);
}

export function formatSize(bytes: number): string {
  return format(bytes, sizeUnits);
}
