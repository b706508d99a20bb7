/**
 * Modules run in the background by their file, which is .ts in the sources and .js in the package.
 *
 * `beside` is the `import.meta.url` of a module in the same folder.
 */
export function moduleUrl(beside: string, name: string): string {
  const extension = beside.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`./${name}.${extension}`, beside).href;
}
