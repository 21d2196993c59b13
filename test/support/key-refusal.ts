/** How a custody refused something, with its sentence; fails the test if it did not, or not with an error of ours. */
import { KeyError } from "../../src/publisher/custody/errors.ts";

export async function keyRefusalOf(work: Promise<unknown>): Promise<KeyError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof KeyError) return error;
    throw error;
  }
  throw new Error("It was not refused.");
}
