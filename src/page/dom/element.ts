import { printable } from '../../tui/printable.js';

type Child = Node | string;

/**
 * An element. Texts are untrusted: they go in as text, never as markup, with what could steer or reorder them shown
 * as escapes.
 */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Partial<Record<'className' | 'id' | 'title' | 'type' | 'placeholder', string>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) Object.assign(made, { [key]: printable(value) });
  made.append(...children.map(child => (typeof child === 'string' ? printable(child) : child)));
  return made;
}

/** A text with the exact number behind it, for whoever reads the page by program. */
export function figure(field: string, value: number, text: string): HTMLElement {
  const made = element('span', {}, text);
  made.dataset.field = field;
  made.dataset.value = String(value);
  return made;
}

/** A button that is pressed by key or mouse. */
export function button(label: string, onClick: () => void): HTMLButtonElement {
  const made = element('button', { type: 'button' }, label);
  made.addEventListener('click', onClick);
  return made;
}

/** A square of one of the colours of the page. */
export function swatch(color: number): HTMLElement {
  const made = element('i', { className: 'swatch' });
  made.style.background = colorOf(color);
  return made;
}

const COLORS = 8;

/** A colour as CSS. There are few: they begin again where there are not enough. */
export function colorOf(color: number): string {
  return `var(--c${color % COLORS})`;
}

/** The same as a value that a canvas takes. */
export function canvasColor(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export function canvasColors(): string[] {
  return Array.from({ length: COLORS }, (_, color) => canvasColor(`c${color}`));
}

/** A canvas as wide as its place, with as many pixels as the screen has. Empty. */
export function sizedCanvas(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
): CanvasRenderingContext2D {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.height = `${height}px`;
  const context = canvas.getContext('2d')!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}
