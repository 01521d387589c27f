/**
 * What a person reads when the cluster's port cannot be opened.
 */
import { type Endpoint, formatEndpoint } from "../../core/address.ts";
import { Refusal } from "../../core/refusal.ts";
import { errorCode, errorText } from "../log/notices.ts";

/** The refusal for a failed bind of the cluster's port (bind(2) names the codes). */
export function bindRefusal(endpoint: Endpoint, error: unknown): Refusal {
  const text = { attempted: `listen on ${formatEndpoint(endpoint)}`, ...explain(endpoint, error) };
  return new Refusal(text, { cause: error });
}

function explain({ address, port }: Endpoint, error: unknown): { problem: string; remedy: string } {
  switch (errorCode(error)) {
    case "EADDRINUSE":
      return {
        problem: `port ${port} is in use by another program`,
        remedy:
          `end that program (see it with \`ss -lnptu 'sport = :${port}'\`) or set another \`port\` in troop.yaml`,
      };
    case "EADDRNOTAVAIL":
      return {
        problem: `this machine has no address "${address}"`,
        remedy: "correct `address` in troop.yaml, or bring the interface up (`ip address`)",
      };
    case "EACCES":
      return {
        problem:
          `the kernel allows ports below 1024 only with CAP_NET_BIND_SERVICE, and this is ${port}`,
        remedy: "set a `port` of 1024 or above in troop.yaml",
      };
    default:
      return { problem: errorText(error), remedy: "correct `address` and `port` in troop.yaml" };
  }
}
