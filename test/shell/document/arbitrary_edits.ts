/**
 * Random edits of the cluster document, on few keys, so that they meet.
 */
import fc from "fast-check";
import type { Edit } from "../../../src/core/document/document.ts";
import { serverKey } from "../../../src/core/service/server.ts";
import { schedulers, serviceKey } from "../../../src/core/service/service.ts";
import { plainVip } from "../../../src/core/document/vip.ts";
import type { Replica } from "../../../src/shell/document/document_replica.ts";
import { putPort, sampleServer, sampleService } from "../../support/sample_service.ts";

const vip = fc.constantFrom("192.0.2.240", "192.0.2.241", "2001:db8::240");
const id = fc.constantFrom("00000000000000aa", "00000000000000bb");
const port = fc.integer({ min: 80, max: 83 });
const service = fc.record({ address: vip, port, scheduler: fc.constantFrom(...schedulers) })
  .map(sampleService);
const server = fc.tuple(port, fc.integer({ min: 21, max: 23 }), fc.nat(9))
  .map(([port, last, weight]) => sampleServer(port, last, weight));

const oneEdit = fc.oneof(
  service.map((service) => [{ kind: "putService" as const, service }]),
  service.map((service) => [{ kind: "removeService" as const, key: serviceKey(service) }]),
  // A server needs its service, whoever removes it meanwhile.
  fc.tuple(port, server).map(([port, server]) => [
    putPort(port),
    { kind: "putServer" as const, server: { ...server, service: `tcp/192.0.2.240:${port}` } },
  ]),
  server.map((server) => [{ kind: "removeServer" as const, key: serverKey(server) }]),
  fc.tuple(vip, fc.constantFrom(null, "a", "b"))
    .map(([vip, group]) => [{ kind: "putVip" as const, vip: { ...plainVip(vip), group } }]),
  vip.map((address) => [{ kind: "removeVip" as const, address }]),
  fc.constantFrom("1", "2", "3")
    .map((value) => [{ kind: "putSetting" as const, name: "sync-ttl" as const, value }]),
  fc.constant([{ kind: "removeSetting" as const, name: "sync-ttl" as const }]),
  fc.record({ vip, to: id, fromEpoch: fc.nat(9) }, { noNullPrototype: true })
    .map((move) => [{ kind: "putMove" as const, move }]),
  fc.record({ id, left: fc.boolean() })
    .map(({ id, left }) => [{ kind: "putNode" as const, id, entry: { name: "n1", left } }]),
);

/** The edits of one transaction. */
export const anyEdits: fc.Arbitrary<Edit[]> = fc.array(oneEdit, { minLength: 1, maxLength: 3 })
  .map((edits) => edits.flatMap((edit): readonly Edit[] => edit));

/** What a replica says, in a form that shows every difference, also in the order of keys. */
export function plain({ content }: Replica): unknown {
  const { services, servers, vips, settings, moves, nodes } = content.read().document;
  const nested = [...servers].map(([key, entries]) => [key, [...entries]]);
  return [[...services], nested, [...vips], [...settings], [...moves], [...nodes]];
}
