/**
 * Tunnel devices of this network namespace: by rtnetlink, and by ioctl where rtnetlink cannot.
 */
import { KernelRequestError } from "./error.ts";
import { setIp6TunnelProtocol } from "./ip6_tunnel_protocol.ts";
import type { Libraries } from "./libraries.ts";
import type { AttributeWriter } from "./netlink_attribute.ts";
import { messageFlags } from "./netlink_message.ts";
import { netlinkProtocols, NetlinkSocket } from "./netlink_socket.ts";
import { routeMessages, writeGetLink } from "./rtnetlink_codec.ts";
import {
  decodeTunnelLink,
  type TunnelKind,
  type TunnelLink,
  writeDeleteLink,
  writeLinkUp,
  writeNewTunnel,
} from "./tunnel_link_codec.ts";

/** The verbs of tunnel devices. All are synchronous and, but for one, short; errors throw {@link KernelRequestError}. */
export interface TunnelLinks {
  /** The interface of this name, or undefined. */
  find(name: string): TunnelLink | undefined;
  /**
   * Makes a device without peers; false when one of this name is there. The kernel loads the kind's module inside
   * of this call if it can, which takes some ms (a quarter of a second in User-Mode Linux) and needs no more than
   * CAP_NET_ADMIN. The module brings fallback devices (`tunl0`, `sit0`, `ip6tnl0`, `gre0`, `ip6gre0`) into every
   * namespace, unless net.core.fb_tunnels_only_for_init_net says otherwise; so false may mean that one of them has
   * just come. EOPNOTSUPP: there is no such module.
   */
  create(device: { readonly name: string; readonly kind: TunnelKind }): boolean;
  /** Sets an interface up or down. */
  setUp(link: { readonly index: number; readonly up: boolean }, operation: string): void;
  /** Removes a device. The kernel does as if it removed a fallback device, and keeps it. */
  delete(index: number, operation: string): void;
  /** Has a device of kind `ip6tnl` take one protocol from inside of packets, or any (0). */
  setProtocol(device: { readonly name: string; readonly protocol: number }): void;
  close(): void;
}

/** Opens a socket for tunnel devices of the namespace this process is in. */
export function openTunnelLinks(libraries: Libraries): TunnelLinks {
  const socket = new NetlinkSocket(libraries, netlinkProtocols.route);
  return {
    find(name) {
      const write = (writer: AttributeWriter) => writeGetLink(writer, name);
      const message = { type: routeMessages.getLink, flags: 0, write };
      const [answer] = unless("ENODEV", () => socket.query(message, `find interface ${name}`)) ??
        [];
      return answer === undefined ? undefined : decodeTunnelLink(answer.payload);
    },
    create(device) {
      const flags = messageFlags.create | messageFlags.exclusive;
      const write = (writer: AttributeWriter) => writeNewTunnel(writer, device);
      const message = { type: routeMessages.newLink, flags, write };
      const operation = `create tunnel device ${device.name} of kind ${device.kind}`;
      return unless("EEXIST", () => socket.query(message, operation)) !== undefined;
    },
    setUp(link, operation) {
      const write = (writer: AttributeWriter) => writeLinkUp(writer, link);
      socket.query({ type: routeMessages.newLink, flags: 0, write }, operation);
    },
    delete(index, operation) {
      const write = (writer: AttributeWriter) => writeDeleteLink(writer, index);
      socket.query({ type: routeMessages.deleteLink, flags: 0, write }, operation);
    },
    setProtocol: (device) => setIp6TunnelProtocol(libraries, device),
    close: () => socket.close(),
  };
}

/** What `request` returns, or undefined when the kernel refuses it with this code. */
function unless<Value>(code: string, request: () => Value): Value | undefined {
  try {
    return request();
  } catch (error) {
    if (error instanceof KernelRequestError && error.code === code) return undefined;
    throw error;
  }
}
