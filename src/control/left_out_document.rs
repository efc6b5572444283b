//! How the control document holds what a replica that is out of service must have. Written and read by [`super::document`] alone.

use serde::{Deserialize, Serialize};

use super::document::{DocumentError, Names};
use crate::model::{ControlState, FencePosition, InstanceId, LeftOut};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NeedEntry {
    group: String,
    unit: String,
    position: String,
}

/// What `instance` needs, if it is out of service.
pub(super) fn of(state: &ControlState, instance: InstanceId) -> Option<Vec<NeedEntry>> {
    let need = |found: &FencePosition| NeedEntry {
        group: state.group(found.group).name.clone(),
        unit: state.unit(found.source).name.clone(),
        position: found.position.clone(),
    };
    state.left_out_of(instance).map(|one| one.needs.iter().map(need).collect())
}

pub(super) fn read(instance: InstanceId, needs: Vec<NeedEntry>, names: &Names) -> Result<LeftOut, DocumentError> {
    let need = |found: NeedEntry| {
        let (group, source) = (names.group(&found.group)?, names.unit(&found.unit)?);
        Ok(FencePosition { group, source, position: found.position })
    };
    let needs = needs.into_iter().map(need).collect::<Result<_, DocumentError>>()?;
    Ok(LeftOut { instance, needs })
}
