/**
 * A gossip node in a process of its own, for tests that kill it. Reads `{ token, seed }` from standard input.
 */
import { generateKeyPair } from "@libp2p/crypto/keys";
import { singleToken } from "../../../src/shell/files/token.ts";
import { openGossip } from "../../../src/shell/gossip/gossip.ts";
import { nodeIdOf } from "../../../src/shell/files/identity.ts";
import { freePort } from "../../support/free_port.ts";

const { token, seed } = await Bun.stdin.json();
const privateKey = await generateKeyPair("Ed25519");
await openGossip({
  cluster: "test",
  tokens: singleToken(token),
  identity: { id: nodeIdOf(privateKey.publicKey.raw), privateKey },
  version: "0.1.0",
  listen: ["127.0.0.1"],
  port: await freePort(),
  seeds: [seed],
  listener: { record() {}, connected() {}, disconnected() {} },
  hello: () => {
    throw new Error("not asked in tests");
  },
});
