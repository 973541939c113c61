import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deviceConfigSchema } from '../../agent/config/schema.ts';
import type { AdminApi } from '../../cli/admin-api.ts';
import { DEMO_DEVICES, deviceConfig, serverConfig } from '../../cli/demo/configs.ts';
import { prepareDemoFolder } from '../../cli/demo/demo-folder.ts';
import { DeviceApi } from '../../cli/demo/device-api.ts';
import { freePorts } from '../../cli/demo/free-port.ts';
import { PartProcess } from '../../cli/demo/part-process.ts';
import { Patience } from '../../cli/demo/patience.ts';
import { writeScene } from '../../cli/demo/scene-file.ts';
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
  function audience(quietMs = 0) {
    const lines: string[] = [];
    const ending = new AbortController();
    const tell = { say: (line: string) => void lines.push(line), quietMs: () => quietMs };
    return { lines, ending, tell, signal: ending.signal };
  }

  it('returns what is seen, also after looks that failed', async () => {
    let looks = 0;
    const look = async () => {
      looks += 1;
      if (looks < 3) throw new Error('not up yet');
      return 'there';
    };
    expect(await waitFor('it', 5000, audience(), look, 1)).toBe('there');
  });

  it('says what did not happen, in which time, what was seen last, and the last problem', async () => {
    const look = async (sees: (words: string) => void) => {
      sees('The handle turns.');
      throw new Error('connection refused');
    };
    const waiting = waitFor('the door opening', 20, audience(), look, 1);
    await expect(waiting).rejects.toThrow(NotSeen);
    await expect(waiting).rejects.toThrow(
      'the door opening did not happen within 0 s: The handle turns. (connection refused)',
    );
  });

  it('goes on as long as there is news, but not for ever', () => {
    const patience = new Patience(60_000, 0);
    for (let nowMs = 0; nowMs < 300_000; nowMs += 50_000) {
      patience.sees(`${nowMs} labels`, nowMs);
      expect(patience.isOver(nowMs + 49_999)).toBe(false);
    }
    expect(patience.isOver(300_000)).toBe(true);
  });

  it('counts nothing as news that was seen before', () => {
    const patience = new Patience(60_000, 0);
    patience.sees('239 labels', 10_000);
    patience.sees('239 labels', 60_000);
    expect(patience.stillMs(69_999)).toBe(59_999);
    expect([69_999, 70_000].map((nowMs) => patience.isOver(nowMs))).toEqual([false, true]);
  });

  it('gives up a look that hangs', async () => {
    await expect(waitFor('it', 20, audience(), () => new Promise(() => undefined))).rejects.toThrow(NotSeen);
  });

  it('says what it waits for where nobody has said a word for a while', async () => {
    const { lines, ...rest } = audience(10_000);
    const look = async (sees: (words: string) => void) => {
      sees('239 labelled pairs; it needs 300.');
      return lines.length > 0 ? lines[0] : undefined;
    };
    expect(await waitFor('the next stage', 60_000, rest, look, 1)).toBe(
      '  Still waiting for the next stage. 239 labelled pairs; it needs 300.',
    );
  });

  it('ends at once, with the reason, when the demo ends', async () => {
    const demo = audience();
    const waiting = waitFor('never', 60_000, demo, async () => undefined);
    demo.ending.abort(new Error('mill-2 died'));
    await expect(waiting).rejects.toThrow('mill-2 died');
  });
});

describe('the scene of a step that did not happen', () => {
  it('is written down, with parts that do not answer', async () => {
    const api = { fleet: async () => ({ rollouts: [] }) } as unknown as AdminApi;
    const silent = new DeviceApi('mill-1', 'http://127.0.0.1:1');
    const path = await writeScene({ api, devices: [silent], logs: folder }, 3);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({
      server: { rollouts: [] },
      'mill-1': expect.stringContaining('fetch failed'),
    });
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
