/** Which life of its name a first root begins: its digest tells. */
import { type Happening, of } from "../history.ts";

export function livesOf(history: readonly Happening[]): ReadonlyMap<string, number> {
  const lives = new Map<string, number>();
  for (const { files, life } of of(history, "publish")) {
    const root = files.get("root");
    if (root?.version === 1) lives.set(root.sha256, life);
  }
  return lives;
}
