/** A browser without a window, where this machine has one. */
import { existsSync } from 'node:fs';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The browser that tests use; undefined where there is none. */
export const CHROMIUM: string | undefined =
  process.env.DCP_TEST_CHROMIUM ?? PLACES.find(path => existsSync(path));

export const NO_CHROMIUM =
  'there is no Chromium here; apt-get install chromium, or DCP_TEST_CHROMIUM=PATH of one';

export interface OpenedPage {
  page: Page;
  /** What the page asked for besides itself. */
  requests: string[];
  /** What went wrong in it, and what its policy refused. */
  problems: string[];
}

export interface Look {
  width: number;
  scheme: 'light' | 'dark';
}

let browser: Promise<Browser> | undefined;

/** Opens a report, and waits until it is drawn. */
export async function openReport(
  path: string,
  { width, scheme }: Look = { width: 1280, scheme: 'light' },
): Promise<OpenedPage> {
  browser ??= puppeteer.launch({
    executablePath: CHROMIUM!,
    // Containers, in which tests run, give the sandbox no user namespaces.
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
  const page = await (await browser).newPage();
  const [requests, problems]: [string[], string[]] = [[], []];
  const url = `file://${path}`;
  page.on('request', request => {
    if (request.url() !== url) requests.push(request.url());
  });
  page.on('pageerror', error => problems.push(String(error)));
  page.on('console', message => problems.push(message.text()));
  await page.setViewport({ width, height: 900 });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
  await page.goto(url);
  await page.waitForSelector('[data-drawn]');
  return { page, requests, problems };
}

export async function closeBrowser(): Promise<void> {
  await (await browser)?.close();
  browser = undefined;
}

/** Texts of all elements that a selector finds. */
export function textsOf(page: Page, selector: string): Promise<string[]> {
  return page.$$eval(selector, elements => elements.map(each => each.textContent ?? ''));
}

/** The exact numbers that the page shows, by their fields. */
export async function figuresOf(page: Page): Promise<Record<string, number>> {
  return (await page.evaluate(`Object.fromEntries(
    [...document.querySelectorAll('[data-field]')].map(({ dataset }) => [dataset.field, Number(dataset.value)]),
  )`)) as Record<string, number>;
}
