import { serveSockets } from '../network/socket-server.ts';
import { Frames, int16, int32, string } from './kafka-protocol.ts';

/** The requests that come before a login, by their numbers: https://kafka.apache.org/protocol#protocol_api_keys */
const api = { apiVersions: 18, saslHandshake: 17, saslAuthenticate: 36 } as const;
const authenticationFailed = 58;

/** A broker that refuses each login, by SASL PLAIN or OAUTHBEARER. Its message repeats the credentials, with text that would steer a terminal. */
export const echoingBroker = () =>
  serveSockets((socket) => {
    const frames = new Frames();
    socket.on('data', (bytes) => {
      for (const frame of frames.take(Buffer.from(bytes))) {
        const body = answerTo(frame);
        // Every answer begins with the number of its request.
        const answer = Buffer.concat([frame.subarray(8, 12), body]);
        socket.write(Buffer.concat([int32(answer.length), answer]));
      }
    });
  });

function answerTo(frame: Buffer): Buffer {
  const [kind, version] = [frame.readInt16BE(4), frame.readInt16BE(6)];
  if (kind === api.apiVersions) {
    const ranges = Object.values(api).map((key) => Buffer.concat([int16(key), int16(0), int16(1)]));
    return Buffer.concat([int16(0), int32(ranges.length), ...ranges, ...(version > 0 ? [int32(0)] : [])]);
  }
  if (kind === api.saslHandshake) return Buffer.concat([int16(0), int32(2), string('PLAIN'), string('OAUTHBEARER')]);
  const echo = frame.subarray(12).toString('latin1').replaceAll('\0', ' ');
  const message = string(`\u001b[2J\u202e access denied for ${echo}`);
  const lifetime = version > 0 ? Buffer.alloc(8) : Buffer.alloc(0);
  return Buffer.concat([int16(authenticationFailed), message, int32(0), lifetime]);
}
