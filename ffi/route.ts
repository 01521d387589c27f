/**
 * Addresses and links of this network namespace by rtnetlink.
 */
import { KernelRequestError } from "./error.ts";
import type { Libraries } from "./libraries.ts";
import { messageFlags } from "./netlink_message.ts";
import { netlinkProtocols, NetlinkSocket } from "./netlink_socket.ts";
import {
  decodeAddress,
  decodeLink,
  encodeDeleteAddress,
  encodeGetAddresses,
  encodeGetLink,
  encodeNewAddress,
  type InterfaceAddress,
  type Link,
  routeMessages,
} from "./rtnetlink_codec.ts";

/** The verbs of rtnetlink. All are synchronous and short; errors throw {@link KernelRequestError}. */
export interface Route {
  addresses(): InterfaceAddress[];
  links(): Link[];
  /** One link, or undefined when no interface has this name. */
  link(name: string): Link | undefined;
  /** Adds the address, or sets flags and lifetimes of one that is there. */
  putAddress(address: InterfaceAddress, operation: string): void;
  deleteAddress(
    address: Pick<InterfaceAddress, "address" | "prefixLength" | "index">,
    operation: string,
  ): void;
  close(): void;
}

/** Opens a socket for addresses and links of the namespace this process is in. */
export function openRoute(libraries: Libraries): Route {
  const socket = new NetlinkSocket(libraries, netlinkProtocols.route);

  function request(
    message: { readonly type: number; readonly flags?: number; readonly payload: Uint8Array },
    operation: string,
  ) {
    return socket.query({ flags: 0, ...message }, operation);
  }

  return {
    addresses: () =>
      socket.dumpAll(
        { type: routeMessages.getAddress, flags: 0, payload: encodeGetAddresses() },
        "list addresses",
      ).map(({ payload }) => decodeAddress(payload)).filter((row) => row !== undefined),
    links: () =>
      socket.dumpAll(
        { type: routeMessages.getLink, flags: 0, payload: encodeGetLink() },
        "list links",
      ).map(({ payload }) => decodeLink(payload)).filter((row) => row !== undefined),
    link(name) {
      try {
        const message = { type: routeMessages.getLink, payload: encodeGetLink(name) };
        const [answer] = request(message, `find interface ${name}`);
        return answer === undefined ? undefined : decodeLink(answer.payload);
      } catch (error) {
        if (error instanceof KernelRequestError && error.code === "ENODEV") return undefined;
        throw error;
      }
    },
    putAddress(address, operation) {
      const flags = messageFlags.create | messageFlags.replace;
      const payload = encodeNewAddress(address);
      request({ type: routeMessages.newAddress, flags, payload }, operation);
    },
    deleteAddress(address, operation) {
      const payload = encodeDeleteAddress(address);
      request({ type: routeMessages.deleteAddress, payload }, operation);
    },
    close: () => socket.close(),
  };
}
