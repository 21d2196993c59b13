/** Lengths of time as people say them: `90 seconds`, `30 minutes`, `12 hours`, `3 days`. */

const units: readonly (readonly [name: string, milliseconds: number])[] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1_000],
];

/** Rounded down, in the largest unit of which there are two at least, or one exactly. */
export function inWords(milliseconds: number): string {
  const fitting = units.find(([, unit]) => milliseconds >= 2 * unit || milliseconds === unit) ?? [
    "second",
    1_000,
  ];
  const [name, unit] = fitting;
  const number = Math.max(0, Math.floor(milliseconds / unit));
  return `${number} ${name}${number === 1 ? "" : "s"}`;
}

/** `2026-11-24 12:05 UTC`. */
export function instant(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
