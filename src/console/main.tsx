// Entry of the console: loads the words, starts the session, then draws the page.
import { render } from 'preact';
import { App } from './app.js';
import { followLanguage, language, loadLanguage } from './words.js';
import { followHash } from './router.js';
import { startSession } from './session.js';

followLanguage();
followHash();
void startSession();
const page = document.getElementById('app') ?? document.body;
loadLanguage(language.peek()).then(
  () => render(<App />, page),
  () => {
    page.textContent = 'The words of the page could not be loaded. Load the page again.';
  },
);
