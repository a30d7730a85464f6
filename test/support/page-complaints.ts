import type { Page } from 'playwright-core';

/**
 * What the browser complains about from now on: broken scripts, and what the content security policy refuses. That an answer is no success,
 * or that there is none, is no complaint.
 */
export function pageComplaints(page: Page): readonly string[] {
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    const isExpected = /^Failed to load resource: (the server responded|net::ERR_)/.test(message.text());
    if (message.type() === 'error' && !isExpected) complaints.push(message.text());
  });
  return complaints;
}
