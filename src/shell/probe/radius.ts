/**
 * The RADIUS probe: logs somebody in, or asks for the server's status, over UDP. An answer counts when it proves that
 * the server knows the secret.
 *
 * npm radius, the library there is, reads its dictionaries from files beside it, which the program does not have.
 */
import { randomBytes, randomInt } from "node:crypto";
import type { CheckOf } from "../../core/check.ts";
import type { ProbeResult, ProbeTarget } from "../../ports.ts";
import { type ProbeContext, runAttempt } from "./attempt.ts";
import { ask } from "./datagram.ts";
import { codes, encodeRequest, type RadiusQuestion, readAnswer } from "./radius_packet.ts";

type Wanted = CheckOf<"radius">["reply"];

const names: Readonly<Record<number, string>> = {
  [codes.accessAccept]: "Access-Accept",
  [codes.accessReject]: "Access-Reject",
  [codes.accountingResponse]: "Accounting-Response",
  [codes.accessChallenge]: "Access-Challenge",
};
/** What is right; the first is named in reasons. Status is answered as the port's other questions are (RFC 5997, 4.2). */
const wanted: Readonly<Record<Wanted, readonly number[]>> = {
  accept: [codes.accessAccept],
  reject: [codes.accessReject],
  any: [codes.accessAccept, codes.accessReject, codes.accessChallenge],
  status: [codes.accessAccept, codes.accountingResponse],
};
/** RFC 2865, 3: who does not share the secret is not answered. */
const SILENCE = "while waiting for an answer (a wrong secret is met with silence, too)";
/** Who logs in where the check names nobody: unknown to the server, as the answer that is wanted then says. */
const NOBODY = "troop";

/** Asks once. Resolves as {@link runAttempt} does. */
export function probeRadius(
  target: ProbeTarget<CheckOf<"radius">>,
  context: ProbeContext,
): Promise<ProbeResult | null> {
  const { secret, reply, user, password, timeoutMs } = target.check;
  return runAttempt(timeoutMs, context, (attempt) => {
    const question: RadiusQuestion = {
      id: randomInt(256),
      authenticator: randomBytes(16),
      secret,
      login: reply === "status" ? null : { user: user ?? NOBODY, password: password ?? "" },
    };
    const close = ask(attempt, target, {
      payload: encodeRequest(question),
      receive: (packet) => {
        const code = readAnswer(packet, question);
        if (typeof code === "string") attempt.phase = `while waiting for an answer (${code})`;
        else if (wanted[reply].includes(code)) attempt.pass(nameOf(code));
        else {attempt.fail(
            `answered ${nameOf(code)}, want ${wanted[reply].map(nameOf).join(" or ")}`,
          );}
      },
    });
    attempt.phase = SILENCE;
    return close;
  });
}

function nameOf(code: number): string {
  return names[code] ?? `code ${code}`;
}
