/**
 * A question to the person at the terminal.
 */
import { createInterface } from "node:readline/promises";

/** The answer; null where input or output is no terminal, or the person ends the input. */
export async function askAtTerminal(question: string): Promise<string | null> {
  if (process.stdin.isTTY !== true || process.stdout.isTTY !== true) return null;
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  const closed = new Promise<null>((resolve) => lines.once("close", () => resolve(null)));
  try {
    return await Promise.race([lines.question(question), closed]);
  } finally {
    lines.close();
  }
}
