/**
 * The Redis probe: AUTH if the check has a password, PING, and ROLE if it asks for one. The exchange is three
 * lines of RESP (redis.io, "Redis serialization protocol"), so it needs no library.
 */
import type { CheckOf } from "../../core/check.ts";
import type { ProbeResult, ProbeTarget } from "../../ports.ts";
import { ProbeFailure } from "./attempt.ts";
import { type Connection, converse, type TalkContext } from "./connection.ts";
import { complaint } from "./wire.ts";

/** How a reply begins: a simple string, an error, or another type. */
const REPLY = /^[-+:$*]/;

/** Asks once. Resolves as {@link converse} does. */
export function probeRedis(
  target: ProbeTarget<CheckOf<"redis">>,
  context: TalkContext,
): Promise<ProbeResult | null> {
  const { user, password, role } = target.check;
  return converse(target, context, async (connection) => {
    const ask = async (words: readonly string[], want: string): Promise<void> => {
      const [name = ""] = words;
      connection.write(command(words));
      const answer = await connection.line(`the answer to ${name}`);
      if (answer === want) return;
      if (!REPLY.test(answer)) throw new ProbeFailure("does not speak Redis's protocol");
      throw new ProbeFailure(`${name} answered "${complaint(new Error(answer), password)}"`);
    };
    if (password !== null) {
      await ask(["AUTH", ...(user === null ? [] : [user]), password], "+OK");
    }
    await ask(["PING"], "+PONG");
    if (role === null) return "PONG";
    const found = await askRole(connection, password);
    if (found !== role) throw new ProbeFailure(`role is ${found}, want ${role}`);
    return `PONG of a ${role}`;
  });
}

/** An array of bulk strings. */
function command(words: readonly string[]): string {
  return `*${words.length}\r\n${
    words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")
  }`;
}

/** The first of what ROLE answers: an array that begins with a bulk string. */
async function askRole(connection: Connection, password: string | null): Promise<string> {
  connection.write(command(["ROLE"]));
  const first = await connection.line("the answer to ROLE");
  const said = (line: string): string => complaint(new Error(line), password);
  if (!/^\*[1-9]/.test(first)) throw new ProbeFailure(`ROLE answered "${said(first)}"`);
  await connection.line("the answer to ROLE");
  return said(await connection.line("the answer to ROLE"));
}
