// @ts-check
// Owns the dialogs that create, change and remove one channel.
// Never touches its messages.
import { html, useSignal } from '../vendor/ui.mjs';
import { model } from '../state.js';
import { askFirst, Dialog } from './dialog.js';
import { Choice, Field, Form, need, Problem, useAction } from './forms.js';
import { closeAllDialogs, closeDialog } from './layout.js';
import { Button } from './parts.js';

const NAME_MAX = 80;
const TOPIC_MAX = 300;

/** @param {{ kind: 'text' | 'voice' }} p */
export function NewChannelDialog({ kind }) {
  const name = useSignal('');
  const chosen = useSignal(kind);
  const create = useAction(async () => {
    need('name', name.value, 'Give the channel a name.');
    await model.createChannel({ name: name.value.trim(), kind: chosen.value });
    closeDialog();
  });
  const kinds = [
    { value: 'text', label: 'Text', icon: 'hash' },
    { value: 'voice', label: 'Voice', icon: 'volume-2' },
  ];
  return html`<${Dialog} title="New channel">
    <${Form} action=${create}>
      <${Choice} label="Kind" value=${chosen.value} options=${kinds} onChange=${(/** @type {'text' | 'voice'} */ value) => (chosen.value = value)} />
      <${Field} label="Name" value=${name} maxlength=${NAME_MAX} autocomplete="off" data-autofocus
        placeholder=${chosen.value === 'text' ? 'plans' : 'Kitchen'}
        error=${create.failure.value?.fields.name ?? null} />
      ${chosen.value === 'voice' && html`<p class="note">Voice channels are listed now; talking in them arrives in the next version.</p>`}
      <${Problem} failure=${create.failure.value} fields=${['name']} />
      <div class="actions">
        <${Button} onClick=${closeDialog}>Cancel</${Button}>
        <${Button} type="submit" kind="primary" busy=${create.busy.value}>Create channel</${Button}>
      </div>
    </${Form}>
  </${Dialog}>`;
}

/** @param {{ channel: import('../model.d.ts').Channel }} p */
export function ChannelDialog({ channel }) {
  const name = useSignal(channel.name);
  const topic = useSignal(channel.topic ?? '');
  const save = useAction(async () => {
    need('name', name.value, 'A channel needs a name.');
    await model.updateChannel(channel.letter, { name: name.value.trim(), topic: topic.value.trim() || null });
    closeDialog();
  });
  const failure = save.failure.value;
  const remove = () =>
    askFirst({
      title: `Delete #${channel.name}?`,
      text: 'The channel and every message in it are gone for everyone. This cannot be undone.',
      action: 'Delete channel',
      run: async () => {
        await model.removeChannel(channel.letter);
        closeAllDialogs();
      },
    });
  return html`<${Dialog} title=${`#${channel.name}`}>
    <${Form} action=${save} label="Channel settings">
      <${Field} label="Name" value=${name} maxlength=${NAME_MAX} autocomplete="off" data-autofocus error=${failure?.fields.name ?? null} />
      <${Field} label="Topic" value=${topic} maxlength=${TOPIC_MAX} long placeholder="What is talked about here?" error=${failure?.fields.topic ?? null} />
      <${Problem} failure=${failure} fields=${['name', 'topic']} />
      <div class="actions">
        <${Button} kind="quiet-danger" icon="trash-2" onClick=${remove}>Delete</${Button}>
        <span class="grow"></span>
        <${Button} type="submit" kind="primary" busy=${save.busy.value}>Save</${Button}>
      </div>
    </${Form}>
  </${Dialog}>`;
}
