/**
 * Addresses and links of this network namespace by rtnetlink.
 */
import { KernelRequestError } from "./error.ts";
import type { Libraries } from "./libraries.ts";
import type { AttributeWriter } from "./netlink_attribute.ts";
import { messageFlags } from "./netlink_message.ts";
import { netlinkProtocols, NetlinkSocket } from "./netlink_socket.ts";
import {
  type AddressKey,
  decodeAddress,
  decodeGateway,
  decodeLink,
  type InterfaceAddress,
  type Link,
  routeMessages,
  type RouteQuestion,
  writeDeleteAddress,
  writeGetAddresses,
  writeGetLink,
  writeGetRoute,
  writeNewAddress,
} from "./rtnetlink_codec.ts";

/** What the kernel says of an address it knows no way to (fib_props in fib_semantics.c): none, unreachable, blackhole, prohibited. */
const NO_WAY: readonly string[] = ["ENETUNREACH", "EHOSTUNREACH", "EINVAL", "EACCES"];

/** The verbs of rtnetlink. All are synchronous and short; errors throw {@link KernelRequestError}. */
export interface Route {
  addresses(): InterfaceAddress[];
  links(): Link[];
  /** One link, or undefined when no interface has this name. */
  link(name: string): Link | undefined;
  /** Adds the address, or sets flags and lifetimes of one that is there. */
  putAddress(address: InterfaceAddress, operation: string): void;
  deleteAddress(address: AddressKey, operation: string): void;
  /** The gateway by which an interface reaches an address; undefined where there is none, or no way at all. */
  gateway(question: RouteQuestion): Uint8Array | undefined;
  close(): void;
}

/** Opens a socket for addresses and links of the namespace this process is in. */
export function openRoute(libraries: Libraries): Route {
  const socket = new NetlinkSocket(libraries, netlinkProtocols.route);

  return {
    addresses: () =>
      socket.dumpAll(
        { type: routeMessages.getAddress, flags: 0, write: writeGetAddresses },
        { operation: "list addresses", decode: decodeAddress },
      ),
    links: () =>
      socket.dumpAll(
        { type: routeMessages.getLink, flags: 0, write: (writer) => writeGetLink(writer) },
        { operation: "list links", decode: decodeLink },
      ),
    link(name) {
      const write = (writer: AttributeWriter) => writeGetLink(writer, name);
      try {
        const message = { type: routeMessages.getLink, flags: 0, write };
        const [answer] = socket.query(message, `find interface ${name}`);
        return answer === undefined ? undefined : decodeLink(answer.payload);
      } catch (error) {
        if (error instanceof KernelRequestError && error.code === "ENODEV") return undefined;
        throw error;
      }
    },
    putAddress(address, operation) {
      const flags = messageFlags.create | messageFlags.replace;
      const write = (writer: AttributeWriter) => writeNewAddress(writer, address);
      socket.query({ type: routeMessages.newAddress, flags, write }, operation);
    },
    deleteAddress(address, operation) {
      const write = (writer: AttributeWriter) => writeDeleteAddress(writer, address);
      socket.query({ type: routeMessages.deleteAddress, flags: 0, write }, operation);
    },
    gateway(question) {
      const write = (writer: AttributeWriter) => writeGetRoute(writer, question);
      try {
        const message = { type: routeMessages.getRoute, flags: 0, write };
        const [answer] = socket.query(message, "find the default gateway");
        return answer === undefined ? undefined : decodeGateway(answer.payload);
      } catch (error) {
        if (error instanceof KernelRequestError && NO_WAY.includes(error.code)) return undefined;
        throw error;
      }
    },
    close: () => socket.close(),
  };
}
