//! Runs programs and turns their answers into certificates
