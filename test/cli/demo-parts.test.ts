import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deviceConfigSchema } from '../../agent/config/schema.ts';
import { DEMO_DEVICES, deviceConfig, serverConfig } from '../../cli/demo/configs.ts';
import { prepareDemoFolder } from '../../cli/demo/demo-folder.ts';
import { freePorts } from '../../cli/demo/free-port.ts';
import { PartProcess } from '../../cli/demo/part-process.ts';
import { NotSeen, waitFor } from '../../cli/demo/wait-for.ts';
import { serverConfigSchema } from '../../sync-server/config/schema.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'andon-demo-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the demo’s data folder', () => {
  it('keeps what an earlier demo left, and deletes it when asked to start over', () => {
    const data = join(folder, 'demo');
    expect(prepareDemoFolder(data, false)).toBe(false);
    writeFileSync(join(data, 'kept.txt'), '');
    expect(prepareDemoFolder(data, false)).toBe(true);
    expect(existsSync(join(data, 'kept.txt'))).toBe(true);
    expect(prepareDemoFolder(data, true)).toBe(false);
    expect(existsSync(join(data, 'kept.txt'))).toBe(false);
  });

  it('touches no folder that is not a demo’s, not even when asked to start over', () => {
    const thesis = join(folder, 'thesis');
    mkdirSync(thesis);
    writeFileSync(join(thesis, 'chapter.txt'), 'years of work');
    expect(() => prepareDemoFolder(thesis, true)).toThrow(
      expect.objectContaining({ code: 'DEMO_FOLDER_FOREIGN' }),
    );
    expect(readdirSync(thesis)).toEqual(['chapter.txt']);
  });
});

describe('the demo’s configurations', () => {
  const places = {
    folder: '/data',
    models: '/models',
    keys: '/keys',
    brokerPort: 1,
  };

  it('are valid for server and agents', () => {
    expect(serverConfigSchema.parse(serverConfig(places, 1)).http.host).toBe('127.0.0.1');
    for (const device of DEMO_DEVICES) {
      expect(deviceConfigSchema.parse(deviceConfig(places, device, 1)).device.id).toBe(device.id);
    }
  });
});

describe('ports', () => {
  it('are the preferred ones, or free ones where another program listens', async () => {
    const other = createServer();
    const taken = await new Promise<number>((resolve) =>
      other.listen(0, '127.0.0.1', () => {
        const address = other.address();
        resolve(typeof address === 'object' ? (address?.port ?? 0) : 0);
      }),
    );
    const [port] = await freePorts([taken]);
    expect(port).not.toBe(taken);
    expect(port).toBeGreaterThan(0);
    await new Promise((resolve) => other.close(resolve));
    expect(await freePorts([taken])).toEqual([taken]);
  });
});

describe('waiting', () => {
  const never = new AbortController().signal;

  it('returns what is seen, also after looks that failed', async () => {
    let looks = 0;
    const seen = await waitFor(
      'it',
      5000,
      never,
      async () => {
        looks += 1;
        if (looks < 3) throw new Error('not up yet');
        return 'there';
      },
      1,
    );
    expect(seen).toBe('there');
  });

  it('says what did not happen, in which time, and the last problem', async () => {
    const look = () => Promise.reject(new Error('connection refused'));
    const waiting = waitFor('the door opening', 20, never, look, 1);
    await expect(waiting).rejects.toThrow(NotSeen);
    await expect(waiting).rejects.toThrow('the door opening did not happen within 0 s (connection refused)');
  });

  it('ends at once, with the reason, when the demo ends', async () => {
    const ending = new AbortController();
    const waiting = waitFor('never', 60_000, ending.signal, async () => undefined);
    ending.abort(new Error('mill-2 died'));
    await expect(waiting).rejects.toThrow('mill-2 died');
  });
});

describe('a part of the demo', () => {
  it('that ends by itself is reported with the end of its log', async () => {
    const configFile = join(folder, 'bad.json');
    writeFileSync(configFile, '{"nonsense": true}');
    const error = await new Promise<Error>((onDeath) => {
      const logFile = join(folder, 'part.log');
      const execArgv = ['--import', 'tsx'];
      new PartProcess({
        name: 'server',
        part: 'sync-server',
        configFile,
        logFile,
        execArgv,
        onDeath,
      }).start();
    });
    expect(error).toMatchObject({ code: 'DEMO_PART_FAILED' });
    expect(error.message).toMatch(/^server ended with code 1\. The end of its log:\n.*nonsense/s);
  });
});
