/** The operators' page of one device. */
import { render } from 'preact';
import '../../web/page.css';
import './status.css';
import { StatusPage } from './status-page.tsx';

const root = document.getElementById('page');
if (root) render(<StatusPage />, root);
