/**
 * Tries the cluster's TCP port on each own address before libp2p does, because libp2p folds every cause into
 * one long sentence, and a person needs to know which it was.
 */
import { createServer } from "node:net";
import type { Endpoint, Ip } from "../../core/address.ts";
import { errorCode, type Notices } from "../log/notices.ts";
import { bindRefusal } from "./port_refusal.ts";

/**
 * The endpoints that can be listened on. The first address is the primary one and must be there; a further
 * one that is missing is left out, and said. Rejects with a Refusal for anything else.
 */
export async function listenableEndpoints(
  addresses: readonly Ip[],
  port: number,
  notices: Notices,
): Promise<Endpoint[]> {
  const endpoints: Endpoint[] = [];
  for (const [index, address] of addresses.entries()) {
    try {
      await probe({ address, port });
      endpoints.push({ address, port });
    } catch (error) {
      if (index === 0 || errorCode(error) !== "EADDRNOTAVAIL") {
        throw bindRefusal({ address, port }, error);
      }
      notices.warn({ address }, "gossip does not listen on this address: it is not there");
    }
  }
  return endpoints;
}

function probe({ address, port }: Endpoint): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const server = createServer();
  server.once("error", reject);
  server.listen({ host: address, port, exclusive: true }, () => server.close(() => resolve()));
  return promise;
}
