/** Dates as signed metadata carries them: RFC 3339, checked against the calendar. */
import { MalformedError } from "./errors.ts";

const form = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,32}))?(?:Z|([+-])(\d{2}):(\d{2}))$/;

/**
 * Milliseconds since 1970 UTC, fractions beyond them cut off. Throws `BAD_DATE` for everything that is not
 * exactly RFC 3339 with upper-case letters, or no day of the calendar: an unreadable expiry never expires.
 */
export function parseDate(text: string): number {
  const match = form.exec(text);
  if (match === null) throw badDate();
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const offsetHour = Number(match[9] ?? 0);
  const offsetMinute = Number(match[10] ?? 0);
  if (hour > 23 || minute > 59 || second > 59 || offsetHour > 23 || offsetMinute > 59) throw badDate();
  const local = new Date(0);
  local.setUTCFullYear(year, month - 1, day);
  if (local.getUTCMonth() !== month - 1 || local.getUTCDate() !== day) throw badDate();
  local.setUTCHours(hour, minute, second, Number((match[7] ?? "").padEnd(3, "0").slice(0, 3)));
  const offset = (offsetHour * 60 + offsetMinute) * 60_000 * (match[8] === "-" ? -1 : 1);
  return local.getTime() - offset;
}

/** `2030-01-02T03:04:05Z`: whole seconds, which every reader of either format parses alike. */
export function formatDate(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}

function badDate(): MalformedError {
  return new MalformedError("BAD_DATE", 'Write "expires" as an RFC 3339 date such as 2030-01-02T03:04:05Z.');
}
