/**
 * Files of a node's state, as a torn disk or a later version may leave them: each is read as at a start, with every other
 * one missing.
 */
import { Refusal } from "../../src/core/refusal.ts";
import { openAgentMemory } from "../../src/shell/files/agent_memory.ts";
import type { StateFolder } from "../../src/shell/files/state_folder.ts";
import { openTokenStore } from "../../src/shell/files/token_store.ts";
import { openPeersFile } from "../../src/shell/gossip/peers_file.ts";
import { NO_NOTICES } from "../../src/shell/log/notices.ts";
import { sampleRecord } from "../support/sample_record.ts";
import { bytesOf, type Decoder } from "./decoder.ts";

const token = `troop1-${"ab".repeat(32)}`;

/** A folder with this one file, which forgets what is written. */
function folderWith(name: string, bytes: Uint8Array): StateFolder {
  const lost = new Set<string>();
  return {
    path: "/nowhere",
    read: (asked) => (asked === name && !lost.has(name) ? bytes : null),
    writeNow() {},
    write: () => Promise.resolve(),
    append: () => Promise.resolve(),
    setAside: (asked) => void lost.add(asked),
    keepAside: (asked) => void lost.add(asked),
    wasLost: (asked) => lost.has(asked),
  };
}

function file(
  name: string,
  contents: readonly unknown[],
  open: (folder: StateFolder) => unknown,
): Decoder {
  return {
    name: `state/${name}`,
    seeds: bytesOf(...contents.map((content) => `${JSON.stringify(content)}\n`)),
    bytesMax: 65_536,
    run: (bytes) => open(folderWith(name, bytes)),
    // A later version's file is refused, and left as it is.
    mayThrow: [Refusal],
  };
}

function memory(folder: StateFolder): unknown {
  const found = openAgentMemory(folder, NO_NOTICES);
  const { claims, epochs, records, vips, owned, savedSwitches } = found;
  return [[...claims()], [...epochs()], records(), vips(), [...owned.keys()], savedSwitches];
}

const epochs = { "192.0.2.240": 3, "2001:db8::1": 0x7fff_ffff };
const vip = "192.0.2.240";
const key = `tcp/${vip}:80`;
const peer = { id: "00000000000000aa", addresses: ["192.0.2.1"], port: 6940 };
const rotation = { serial: 1, target: "0123456789abcdef", from: "0123456789abcdee", graceS: 60 };
const replaced = [{ fingerprint: rotation.from, pulse: "cd".repeat(32) }];
const tokens = { sends: token, accepts: [token, `troop1-${"ef".repeat(32)}`], rotation, replaced };

/** See the head of this file. */
export const stateDecoders: readonly Decoder[] = [
  file("claims.json", [{ format: 1, held: epochs, seen: epochs }, epochs, { format: 2 }], memory),
  file("records.json", [{ format: 1, records: [sampleRecord()] }, [sampleRecord()]], memory),
  file("rows.json", [{ format: 1, rows: [key] }, [key]], memory),
  file(
    "switches.json",
    [{ format: 1, switches: { "net.ipv4.vs.conntrack": "0" } }, { "net.ipv4.ip_forward": "0" }],
    memory,
  ),
  file("vips.json", [{ format: 1, vips: [vip] }, [vip]], memory),
  file("peers.json", [{ format: 1, peers: [peer] }], (folder) => openPeersFile(folder).known()),
  file("tokens.json", [{ format: 1, ...tokens }, { format: 2 }], (folder) => {
    const options = { configured: token, writeConfigured() {}, notices: NO_NOTICES };
    const store = openTokenStore(folder, options);
    return store.facts();
  }),
];
