/** Two ends of a channel inside one process, with what a child process has of its own. */
import { EventEmitter } from "node:events";

export class FakePort extends EventEmitter {
  connected = true;
  /** Messages are given to the channel and never arrive. */
  deaf = false;
  readonly pid: number;
  readonly stderr = { isTTY: false };
  readonly signals: string[] = [];
  other: FakePort | undefined;

  constructor(pid: number) {
    super();
    this.pid = pid;
  }

  send(message: object, callback: (error: Error | null) => void): void {
    const copy = structuredClone(message);
    queueMicrotask(() => {
      callback(null);
      if (!this.deaf && this.connected) this.other?.emit("message", copy);
    });
  }

  /** What happens when the process at the other end of this one ends, however it ends. */
  end(code: number | null, signal: string | null): void {
    if (!this.connected) return;
    for (const end of [this, this.other]) {
      if (end === undefined) continue;
      end.connected = false;
      end.emit("disconnect");
    }
    queueMicrotask(() => this.emit("close", code, signal));
  }

  kill(signal: string): void {
    this.signals.push(signal);
    this.end(null, signal);
  }
}

/** The parent's end, and the child's. */
export function ports(pid = 1): readonly [FakePort, FakePort] {
  const [parent, child] = [new FakePort(pid), new FakePort(pid)];
  parent.other = child;
  child.other = parent;
  return [parent, child];
}
