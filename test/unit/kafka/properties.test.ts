import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { securedBy, serverProperties } from '../../../kafka/broker/properties.ts';
import { Secret } from '../../../runtime/secret.ts';

const ports = { client: 1, controller: 2 };

/** As `java.util.Properties` reads a file: Latin-1, a backslash escapes, and spaces before a value are ignored. */
function readByJava(bytes: Buffer): Map<string, string> {
  const lines = bytes.toString('latin1').split(/\r\n|\r|\n/);
  const entries = lines.filter(Boolean).map((line) => {
    const [, name = '', value = ''] = /^\s*((?:[^=:\s\\]|\\.)+)\s*[=:]?\s*(.*)$/s.exec(line) ?? [];
    return [
      name,
      value.replace(/\\(?:u([0-9a-f]{4})|(.))/g, (_, hex, one) =>
        hex ? String.fromCharCode(Number.parseInt(hex, 16)) : one,
      ),
    ] as const;
  });
  return new Map(entries);
}

describe('server.properties', () => {
  it.each(['/home/jörg/Prüf stand', '/データ/映画', '/ığİ', 'C:\\temp\\new', '/a=b:c#d!e', '/emoji 🎬', '/tab\there'])(
    'contains %j in a form that Java reads correctly',
    (path) => {
      expect(readByJava(Buffer.from(serverProperties(path, ports))).get('log.dirs')).toBe(path);
    },
  );

  it('contains any path in a form that Java reads correctly, in ASCII', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1, unit: fc.integer({ min: 1, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
        (name) => {
          const text = serverProperties(`/${name}`, ports);
          expect(text).toMatch(/^[\n\x20-\x7e]*$/);
          expect(readByJava(Buffer.from(text)).get('log.dirs')).toBe(`/${name}`);
        },
      ),
    );
  });

  it('admits no client without credentials, on any listener', () => {
    const login = { mechanism: 'plain', username: 'u', password: new Secret('p') } as const;
    const settings = readByJava(Buffer.from(serverProperties('/log', ports, securedBy(login, ports))));
    const listeners = (settings.get('listeners') ?? '').split(',').map((listener) => listener.split('://')[0] ?? '');
    expect(listeners).toHaveLength(2);
    const protocols = new Map(
      (settings.get('listener.security.protocol.map') ?? '')
        .split(',')
        .map((pair) => pair.split(':') as [string, string]),
    );
    for (const name of listeners) {
      expect(protocols.get(name)).toBe('SASL_PLAINTEXT');
      expect(settings.get(`listener.name.${name.toLowerCase()}.plain.sasl.jaas.config`)).toContain('user_u="p"');
    }
  });
});
