/**
 * Closes a hole in ldapts (9.x): where the bytes of a message break off inside, its reader gives null and stays where
 * it is, and the loops around it ask again for ever, adding to a list each time. One answer of 39 bytes would keep the
 * whole agent busy until it has no memory left.
 */
import { BerReader, ControlParser } from "ldapts";
import { ProbeFailure } from "./attempt.ts";

let guarded = false;

/** Makes the library throw a {@link ProbeFailure} where it would go on for ever. Further calls change nothing. */
export function guardLdapReader(): void {
  if (guarded) return;
  guarded = true;
  const { readString, readLength } = BerReader.prototype;
  // In a message that is whole, what is asked for is there.
  BerReader.prototype.readString = function (this: BerReader, ...given: [number?, boolean?]) {
    const value = (readString as (...all: unknown[]) => unknown).apply(this, given);
    if (value === null) throw brokenOff();
    return value;
  } as typeof readString;
  // Four bytes of length become a negative number, and reading goes backwards.
  BerReader.prototype.readLength = function (startOffset) {
    const offset = readLength.call(this, startOffset);
    if (this.length < 0) throw brokenOff();
    return offset;
  };
  const parse = ControlParser.parse.bind(ControlParser);
  ControlParser.parse = (reader, controls) => {
    const before = reader.offset;
    const control = parse(reader, controls);
    if (reader.offset <= before) throw brokenOff();
    return control;
  };
}

function brokenOff(): ProbeFailure {
  return new ProbeFailure("cannot understand the server: a message breaks off inside");
}
