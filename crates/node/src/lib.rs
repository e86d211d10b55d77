//! Composes roles into running processes
