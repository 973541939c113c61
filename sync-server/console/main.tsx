/** The central team's page of the whole fleet. */
import { render } from 'preact';
import '../../web/page.css';
import './console.css';
import './tables.css';
import { FleetPage } from './fleet-page.tsx';

const root = document.getElementById('page');
if (root) render(<FleetPage />, root);
