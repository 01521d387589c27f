/**
 * Asks a LAN again and again who has an address (RFC 5227 probes, which change nobody's cache), so that a capture beside
 * it has every machine that answers. `INTERFACE ADDRESS EVERY_MS`; ends by a signal.
 */
import { encodeArpProbe, openFrameSender, openLibraries, openRoute } from "../../ffi/mod.ts";
import { ipToBytes } from "../../src/core/address.ts";

const [interfaceName = "", address = "", every = ""] = process.argv.slice(2);
const libraries = await openLibraries({ privateFolder: "/run/lab/libraries" });
const link = openRoute(libraries).links().find(({ name }) => name === interfaceName);
if (link === undefined) throw new Error(`probe ${address}: there is no ${interfaceName} here`);
const sender = openFrameSender(libraries);
const probe = encodeArpProbe(ipToBytes(address), link.mac);
setInterval(() => sender.send(probe, link.index), Number(every));
