/**
 * The ping probe: an ICMP or ICMPv6 echo request that must be answered. Needs CAP_NET_RAW.
 */
import { ipFamily } from "../../core/address.ts";
import type { CheckOf } from "../../core/check.ts";
import type { ProbeResult, ProbeTarget } from "../../ports.ts";
import { type Attempt, failConnection, type ProbeContext, runAttempt } from "./attempt.ts";
import { Echoes, type EchoOutcome } from "./echo.ts";

type PingProbe = (
  target: ProbeTarget<CheckOf<"ping">>,
  context: ProbeContext,
) => Promise<ProbeResult | null>;

/** Operations of which only the way to the server is to blame; other errors are this node's. */
const SENDING = "send echo request";

/** Makes a probe; all of its pings share sockets. Resolves as {@link runAttempt} does. */
export function createPing(echoes: Echoes = new Echoes()): PingProbe {
  return ({ address, check }, context) =>
    runAttempt(check.timeoutMs, context, (attempt) => {
      attempt.phase = "while waiting for the echo";
      const { source, device } = check;
      if (source !== null && ipFamily(source) !== ipFamily(address)) {
        attempt.fail(`cannot ask ${address} from ${source}: one is IPv4, the other IPv6`);
        return () => {};
      }
      try {
        return echoes.ping({ address, source, device }, (outcome) => finish(attempt, outcome));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "EADDRNOTAVAIL" && source !== null) {
          attempt.fail(`cannot ask from ${source}: not an address of this node`);
        } else failPing(attempt, error as Error);
        return () => {};
      }
    });
}

/** The probe of the whole process. */
export const probePing: PingProbe = createPing();

function finish(attempt: Attempt, outcome: EchoOutcome): void {
  switch (outcome.kind) {
    case "reply":
      return attempt.pass("echo");
    case "unreachable":
      return attempt.fail(`unreachable, says ${outcome.from}`);
    case "error":
      return failPing(attempt, outcome.error);
  }
}

/** What opening and binding say ("needs CAP_NET_RAW", "no such interface") is told as it is; the rest is about the way. */
function failPing(attempt: Attempt, error: NodeJS.ErrnoException & { operation?: string }): void {
  const ownWords = error.operation !== SENDING &&
    /^(EPERM|EACCES|ENODEV|ENXIO)$/.test(error.code ?? "");
  if (ownWords) attempt.fail(`cannot ask: ${error.message}`);
  else failConnection(attempt, error);
}
