//! The stores of the control state: what every one of them promises, and what etcd does besides.

mod conformance;
mod disk_full;
mod etcd;
mod worlds;
