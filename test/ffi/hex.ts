/**
 * Bytes as people read them in a capture.
 */
import { AttributeWriter } from "../../ffi/netlink_attribute.ts";

/** The bytes of hexadecimal text; spaces and line breaks are for the eye. */
export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));
}

/** What `write` appends to an empty message. */
export function written(write: (writer: AttributeWriter) => void): Uint8Array {
  const writer = new AttributeWriter();
  write(writer);
  return writer.finish();
}

/** The hexadecimal text of bytes. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
