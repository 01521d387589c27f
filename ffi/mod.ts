/**
 * What the rest of the program may use of C and the kernel's binary interfaces. Open the libraries once,
 * then one handle per facility; close handles before the process ends.
 *
 * Errors are {@link KernelRequestError}, with the operation in words and errno by name; a machine without
 * libnl is a {@link LibraryError}.
 */
export { type Libraries, LibraryError, openLibraries } from "./libraries.ts";
export type { OpenLibrariesOptions } from "./libraries.ts";
export { librariesToEmbed, netlinkLibraries, systemFile } from "./embedded.ts";
export { errnoName, KernelRequestError } from "./error.ts";
export type { IpVersion } from "./address_family.ts";
export { type Ipvs, openIpvs } from "./ipvs.ts";
export {
  forwardingMethods,
  serviceFlags,
  transportProtocols,
  tunnelFlags,
  tunnelTypes,
} from "./ipvs_constants.ts";
export type {
  IpvsChange,
  IpvsDaemon,
  IpvsDestination,
  IpvsDestinationKey,
  IpvsDestinationSettings,
  IpvsRates,
  IpvsService,
  IpvsServiceKey,
  IpvsServiceSettings,
  IpvsStatistics,
  IpvsTimeouts,
} from "./ipvs_types.ts";
export type { IpvsInfo } from "./ipvs_daemon_codec.ts";
export { BATCH_MESSAGES_MAX } from "./netlink_socket.ts";
export { openRoute, type Route } from "./route.ts";
export {
  IFA_F_NODAD,
  INTERFACE_NAME_BYTES_MAX,
  type InterfaceAddress,
  type Link,
} from "./rtnetlink_codec.ts";
export { openTunnelLinks, type TunnelLinks } from "./tunnel_link.ts";
export { type TunnelKind, type TunnelLink } from "./tunnel_link_codec.ts";
export { type Fou, openFou } from "./fou.ts";
export { type FouPort, type FouPortKey } from "./fou_codec.ts";
export { type InetDiag, openInetDiag } from "./inet_diag.ts";
export { type DiagRequest, type DiagSocket, socketStates } from "./inet_diag_codec.ts";
export {
  type FrameReceiver,
  type FrameSender,
  openFrameReceiver,
  openFrameSender,
} from "./packet_socket.ts";
export {
  type DeviceConnection,
  type DeviceConnector,
  openDeviceConnector,
} from "./device_connection.ts";
export { connectDatagrams } from "./device_datagram.ts";
export { type EchoRoute, type EchoSocket, openEchoSocket } from "./echo_socket.ts";
export { ECHO_DATA_BYTES_MAX, type EchoMessage } from "./icmp_echo.ts";
export { decodeArp, encodeArpProbe, encodeGratuitousArp } from "./arp_frame.ts";
export {
  decodeAdvertisement,
  encodeAnonymousSolicitation,
  encodeUnsolicitedAdvertisement,
} from "./neighbour_discovery_frame.ts";
export { formatMac } from "./ethernet.ts";
export { narrowBoundingSet } from "./process_capabilities.ts";
export { attachFilter, type DatagramShape } from "./pulse_filter.ts";
