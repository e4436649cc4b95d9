import { element } from './element.js';

/** The one box that follows the pointer. */
export class Tip {
  private readonly box = element('div', { className: 'tip' });

  constructor() {
    this.box.hidden = true;
    document.body.append(this.box);
  }

  show(event: MouseEvent, title: string, lines: readonly string[]): void {
    this.box.replaceChildren(element('b', {}, title), ...lines.map(line => element('div', {}, line)));
    this.box.hidden = false;
    const { offsetWidth, offsetHeight } = this.box;
    const left = Math.min(event.clientX + 14, window.innerWidth - offsetWidth - 8);
    const below = event.clientY + 18;
    const top = below + offsetHeight > window.innerHeight ? event.clientY - offsetHeight - 10 : below;
    this.box.style.left = `${Math.max(4, left)}px`;
    this.box.style.top = `${Math.max(4, top)}px`;
  }

  hide(): void {
    this.box.hidden = true;
  }
}
