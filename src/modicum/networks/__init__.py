"""The networks. A new one is one file and one line here."""

from modicum.networks import attention_unet as _attention_unet
from modicum.networks import coarse_to_fine as _coarse_to_fine
from modicum.networks import convlstm_unet as _convlstm_unet
from modicum.networks import deeplab as _deeplab
from modicum.networks import fcn as _fcn
from modicum.networks import hourglass as _hourglass
from modicum.networks import manet as _manet
from modicum.networks import mask_rcnn as _mask_rcnn
from modicum.networks import pspnet as _pspnet
from modicum.networks import r2unet as _r2unet
from modicum.networks import segnet as _segnet
from modicum.networks import setr as _setr
from modicum.networks import unet as _unet
from modicum.networks import unet3d as _unet3d
from modicum.networks import unet_plus_plus as _unet_plus_plus
from modicum.networks import wnet as _wnet
from modicum.networks.encoders import ENCODERS
from modicum.networks.table import NETWORKS, SOLID

__all__ = ["ENCODERS", "NETWORKS", "SOLID"]
