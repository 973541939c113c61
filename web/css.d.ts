/** Lets the pages import their styles; the bundler takes them. */
declare module '*.css';
