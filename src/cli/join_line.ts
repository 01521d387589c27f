/**
 * The line a person pastes on the next machine.
 */
import { formatEndpoint } from "../core/address.ts";
import { CLUSTER_PORT_DEFAULT, type Config } from "../core/config.ts";

/** `troop join ADDRESS --token TOKEN`; the port only where it is not the usual one. */
export function joinLine(
  { address, port = CLUSTER_PORT_DEFAULT, token }: Pick<Config, "address" | "token"> & {
    readonly port?: number | undefined;
  },
): string {
  const member = port === CLUSTER_PORT_DEFAULT ? address : formatEndpoint({ address, port });
  return `troop join ${member} --token ${token}`;
}
