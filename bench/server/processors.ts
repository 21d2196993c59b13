/** Who runs where: servers on one processor, what loads them on another. With a single one nobody is bound. */
import { cpus } from "node:os";
import { run } from "../../test/interop/support/process.ts";

export const bound = cpus().length > 1;

/** What starts a server. */
export const asServer: readonly string[] = bound ? ["taskset", "-c", "0"] : [];
/** What starts a load. */
export const asLoad: readonly string[] = bound ? ["taskset", "-c", "1"] : [];

/** Binds this process, all its threads, to the processor of the load. */
export async function bindThisProcess(): Promise<void> {
  if (!bound) return;
  const args = ["--all-tasks", "--cpu-list", "--pid", "1", String(process.pid)];
  const { code, stderr } = await run("taskset", args, { env: { PATH: process.env.PATH ?? "" } });
  if (code !== 0) throw new Error(`this process cannot be bound to a processor: ${stderr}`);
}
