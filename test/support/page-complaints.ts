import type { Page } from 'playwright-core';

/** That an answer is no success, or that there is none. */
const NO_SUCCESS = /^Failed to load resource: (the server responded|net::ERR_)/;

/** What the browser complains about from now on: broken scripts, and what the content security policy refuses; not what is expected. */
export function pageComplaints(page: Page, expected = NO_SUCCESS): readonly string[] {
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !expected.test(message.text())) complaints.push(message.text());
  });
  return complaints;
}
