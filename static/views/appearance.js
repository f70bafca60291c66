// @ts-check
// Owns what the whole document shows of the settings and the place: theme, density, title.
// Never draws inside the page.
import { effect, signal } from '../vendor/ui.mjs';
import { model } from '../state.js';
import { stored, store } from './layout.js';

const THEME_KEY = 'charge.theme';
const BAR_COLOURS = { light: '#f1f4f5', dark: '#101316' };

/** Keeps the document in step with the model; call once. */
export function followAppearance() {
  const systemDark = matchMedia('(prefers-color-scheme: dark)');
  const dark = signal(systemDark.matches);
  systemDark.addEventListener('change', () => {
    dark.value = systemDark.matches;
  });
  effect(() => {
    const wish = wishedTheme();
    const theme = wish === 'light' || wish === 'dark' ? wish : dark.value ? 'dark' : 'light';
    document.documentElement.dataset.theme = theme;
    document.querySelector('meta[name=theme-color]')?.setAttribute('content', BAR_COLOURS[theme]);
  });
  effect(() => {
    document.documentElement.dataset.density = model.me.value?.settings.density ?? 'cosy';
  });
  effect(() => {
    document.title = titleOf();
  });
}

/** The account's wish; before sign-in the last one on this device. */
function wishedTheme() {
  const me = model.me.value;
  if (!me) return stored(THEME_KEY) ?? 'system';
  const wish = me.settings.theme ?? 'system';
  store(THEME_KEY, wish);
  return wish;
}

/** (3) #general · Foxglove */
function titleOf() {
  const { name } = model.app.value;
  const route = model.route.value;
  const room = model.room.value;
  if (route.name === 'invite') return `Invite · ${name}`;
  if (route.name === 'setup') return `First run · ${name}`;
  if (route.name === 'register') return `Create an account · ${name}`;
  if (!model.me.value) return `Sign in · ${name}`;
  if (route.name !== 'room' || !room) return name;
  const channel = model.channel.value;
  const unread = room.channels.reduce((sum, each) => sum + each.unread, 0);
  const place = channel ? `#${channel.name} · ${room.title}` : room.title;
  return unread > 0 ? `(${unread}) ${place}` : place;
}
