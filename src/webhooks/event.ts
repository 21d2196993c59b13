/** Announcements as CloudEvents 1.0, in the JSON format, structured mode. */
import type { Told } from "../service/delivery/receiver.ts";

export const eventContentType = "application/cloudevents+json; charset=utf-8";

/** `source`: a URI reference that names this server. */
export function eventOf({ id, type, subject, at, data }: Told, source: string): string {
  return JSON.stringify({
    specversion: "1.0",
    id,
    source,
    type,
    subject,
    time: new Date(at).toISOString(),
    datacontenttype: "application/json",
    data: JSON.parse(data),
  });
}
