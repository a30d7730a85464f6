import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext, type BrowserContextOptions } from 'playwright-core';

const CHROMIUM = '/usr/bin/chromium';
const ARGUMENTS = [
  ...['--no-sandbox', '--disable-gpu', '--in-process-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
];
const PATIENCE_MS = 30_000;

export interface TestBrowser {
  readonly context: BrowserContext;
  /** Closes it and removes its profile. */
  close(): Promise<void>;
}

/** What it looks like to who uses it: by default a desktop in English. */
export type Screen = Pick<
  BrowserContextOptions,
  'viewport' | 'deviceScaleFactor' | 'isMobile' | 'hasTouch' | 'colorScheme' | 'reducedMotion' | 'locale' | 'timezoneId'
>;

/** Debian's Chromium with a new, empty profile. */
export async function openChromium(screen: Screen = {}): Promise<TestBrowser> {
  const profile = await mkdtemp(join(tmpdir(), 'order-search-chromium-'));
  const context = await chromium.launchPersistentContext(profile, {
    ...screen,
    executablePath: CHROMIUM,
    headless: true,
    args: ARGUMENTS,
  });
  context.setDefaultTimeout(PATIENCE_MS);
  return {
    context,
    close: async () => {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}
